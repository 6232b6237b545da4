package library

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// basics are the series of one scenario of each kind of service.
func basics() map[string][]byte {
	rng := rand.New(rand.NewPCG(20, 26))
	noise := func(share float64) float64 { return 1 + share*(2*rng.Float64()-1) }

	var web, crowd, usage strings.Builder
	web.WriteString("timestamp_s,requests_per_s\n")
	for i := range 2 * minutesADay {
		fmt.Fprintf(&web, "%d,%.2f\n", i*60, (6+40*daily(i))*noise(0.1))
	}
	crowd.WriteString("timestamp,requests_per_min\n")
	for i := range 4 * 60 {
		rate := 900 * noise(0.2)
		if i >= 170 && i < 190 {
			rate = 12000 * noise(0.05)
		}
		fmt.Fprintf(&crowd, "2026-03-02T%02d:%02d:00Z,%.0f\n", 8+i/60, i%60, rate)
	}
	usage.WriteString("timestamp_s,service,cpu_millicores,memory_mib\n")
	for i := range 46 * 12 {
		for k, service := range []string{"cart", "shop"} {
			cpu, memory := "", ""
			if i%97 != 50 {
				cpu = fmt.Sprintf("%.0f", (300+1200*daily(5*i))*noise(0.2)*float64(1+k))
				memory = fmt.Sprintf("%.1f", (900+600*daily(5*i))*noise(0.05))
			}
			fmt.Fprintf(&usage, "%d,%s,%s,%s\n", 1772409600+i*300, service, cpu, memory)
		}
	}
	// Of their own, so that a further series does not change the others.
	rng = rand.New(rand.NewPCG(20, 27))
	var queue, inference strings.Builder
	queue.WriteString("timestamp_s,items_per_min\n")
	inference.WriteString("timestamp_s,requests_per_s,mean_prompt_tokens,mean_output_tokens\n")
	for i := range 2 * minutesADay {
		rate := 120 + 600*daily(i)
		if i%360 >= 300 && i%360 < 310 { // A batch is handed in four times a day.
			rate += 1500
		}
		fmt.Fprintf(&queue, "%d,%.0f\n", i*60, rate*noise(0.2))
		output := fmt.Sprintf("%.0f", (150+100*daily(i+300))*noise(0.1))
		if i%101 == 7 {
			output = ""
		}
		fmt.Fprintf(&inference, "%d,%.2f,%.0f,%s\n", i*60, (2+10*daily(i))*noise(0.15), (600+400*daily(i))*noise(0.1), output)
	}
	out := map[string][]byte{}
	for name, b := range map[string]*strings.Builder{
		"web.csv": &web, "crowd.csv": &crowd, "usage.csv": &usage, "queue.csv": &queue, "inference.csv": &inference,
	} {
		out[name] = []byte(b.String())
	}
	return out
}
