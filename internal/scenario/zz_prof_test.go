package scenario

import (
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
	"os"
	"testing"
	"time"
)

func TestProf(t *testing.T) {
	f, name := os.Getenv("SCEN"), os.Getenv("POL")
	if f == "" {
		t.Skip()
	}
	sc, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := baseline.New(name, &sc)
	if err != nil {
		t.Fatal(err)
	}
	t0 := time.Now()
	r, err := simulator.Run(sc, p, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(t0), *r.Score.Cost, *r.Score.SLOViolatedRequestRatio, r.Score.OOMKills)
}
