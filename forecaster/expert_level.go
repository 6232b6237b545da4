package forecaster

// The levels say that the future is like the present, which differs by how
// long the present is: simple exponential smoothing (ETS(A,N,N)) with
// half-lives from a few steps to a day. Their point forecast is the same at
// every distance. See Hyndman and Athanasopoulos, section on simple
// exponential smoothing.

// byLevel is the mean of a few steps, the base of all other forecasts.
func byLevel(c *context) float64 { return c.base }

// byLast is the newest value, the random walk's forecast.
func byLast(c *context) float64 { return c.y }

func byLag1(c *context) float64 { return c.lag1 }

func byLag2(c *context) float64 { return c.lag2 }

func byTwentyMinutes(c *context) float64 { return c.recent[0] }

func byHour(c *context) float64 { return c.recent[1] }

func byFourHours(c *context) float64 { return c.recent[2] }

func byDay(c *context) float64 { return c.slow }

// byRecentPeak is, for maxima, the largest value of the last window of the same
// length; for values the level.
func byRecentPeak(c *context) float64 { return c.peak }
