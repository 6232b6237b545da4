package forecaster

// intermittent forecasts demand that is zero most of the time, by smoothing
// apart how often there is any and how large it then is:
//
//	p' = p + β (1{y≠0} - p),  m' = m + α (y - m) where y ≠ 0,  forecast p m.
//
// Other than Croston's method it forgets demand that has stopped. See Teunter,
// Syntetos and Babai (2011), Intermittent demand: Linking forecasting to
// inventory obsolescence.
type intermittent struct {
	often, size ewma
	started     bool
}

// Half-lives of the two, in values and in values that are not zero.
const (
	oftenHalfLife = 24
	sizeHalfLife  = 12
)

func (i *intermittent) add(v float64) {
	if !i.started {
		i.often, i.size, i.started = newEWMA(oftenHalfLife), newEWMA(sizeHalfLife), true
	}
	if v == 0 {
		i.often.add(0)
		return
	}
	i.often.add(1)
	i.size.add(v)
}

// rate is the mean demand.
func (i *intermittent) rate() float64 { return i.often.mean * i.size.mean }

// byRare is the forecast for intermittent demand; for others it is a level.
func byRare(c *context) float64 { return c.rare }
