package library_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rightsize-dev/rightsize/internal/scenario"
	"github.com/rightsize-dev/rightsize/internal/scenario/library"
	"github.com/rightsize-dev/rightsize/simulator"
	"github.com/rightsize-dev/rightsize/simulator/baseline"
)

const folder = "../../../simulator/testdata/scenarios"

// TestFiles: the committed series are those that this package makes.
func TestFiles(t *testing.T) {
	t.Parallel()
	const most = 100_000 // Bytes: a library is cloned by everyone.
	for name, want := range library.Files() {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not what is generated: run make scenarios", name)
		}
		if len(got) > most {
			t.Errorf("%s has %d bytes, more than %d", name, len(got), most)
		}
	}
}

// TestScenarios: every scenario is named as its file, begins with the reason it
// exists, stands in the folder's table, and can be read; every series belongs
// to one.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var unused []string
	for name := range library.Files() {
		unused = append(unused, name)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sc, err := scenario.Load(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if err := baseline.CheckSettings(&sc); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if sc.Name != strings.TrimSuffix(filepath.Base(path), ".yaml") {
			t.Errorf("%s: is named %q", path, sc.Name)
		}
		if !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s: does not say what it is for", path)
		}
		if !strings.Contains(string(readme), "\n| `"+sc.Name+"` |") {
			t.Errorf("%s: is not in the table of README.md", path)
		}
		file := regexp.MustCompile(`file: ([\w.-]+)`).FindStringSubmatch(string(text))
		unused = slices.DeleteFunc(unused, func(name string) bool { return len(file) > 1 && name == file[1] })
	}
	if len(unused) > 0 {
		t.Errorf("no scenario uses %v", unused)
	}
}

// TestKnownFailures: what scenarios are there to show does happen in them.
func TestKnownFailures(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, name, policy string, change func(sc *simulator.Scenario)) simulator.Result {
		t.Helper()
		sc, err := scenario.Load(filepath.Join(folder, name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&sc)
		}
		p, err := baseline.New(policy, &sc)
		if err != nil {
			t.Fatal(err)
		}
		r, err := simulator.Run(sc, p, simulator.Options{Series: true})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Run("weekly-peak: VPA is killed on Monday", func(t *testing.T) {
		t.Parallel()
		if got := run(t, "weekly-peak", "vpa", nil).Score; got.OOMKills == 0 || got.SLOViolationSeconds < 3600 {
			t.Errorf("%d kills, %v s violated", got.OOMKills, got.SLOViolationSeconds)
		}
	})
	t.Run("cliff: VPA asks for the burst that it did not see before", func(t *testing.T) {
		t.Parallel()
		got := run(t, "cliff", "vpa", nil)
		if last := got.Series.CPURequestCores[len(got.Series.CPURequestCores)-1]; last < 1 || last > 1.3 {
			t.Errorf("%v cores requested", last)
		}
	})
	t.Run("oom-tail: VPA keeps what one kill taught it for days", func(t *testing.T) {
		t.Parallel()
		got := run(t, "oom-tail", "vpa", nil)
		memory := got.Series.MemoryRequestGiB
		if got.Score.OOMKills == 0 || memory[len(memory)/2] < 1.3*memory[0] {
			t.Errorf("%d kills, %v GiB before and %v half-way", got.Score.OOMKills, memory[0], memory[len(memory)/2])
		}
	})
	t.Run("death-spiral: utilisation of what VPA changes", func(t *testing.T) {
		t.Parallel()
		apart := run(t, "death-spiral", "hpa+vpa", func(sc *simulator.Scenario) { delete(sc.Policies, "hpa+vpa") }).Score
		both := run(t, "death-spiral", "hpa+vpa", nil)
		if s := both.Score; s.SLOViolationSeconds <= 2*apart.SLOViolationSeconds || *s.Cost <= *apart.Cost {
			t.Errorf("together it costs %v and violates %v s, apart %v and %v s", *s.Cost, s.SLOViolationSeconds, *apart.Cost, apart.SLOViolationSeconds)
		}
		const day = 24 * 60
		pods := func(day []int) (sum int) {
			for _, n := range day {
				sum += n
			}
			return sum
		}
		r := both.Series.Replicas
		if first, last := pods(r[:day]), pods(r[len(r)-day:]); 5*last < 6*first {
			t.Errorf("%d pod minutes on the first day, %d on the last", first, last)
		}
	})
	t.Run("death-spiral: rightsize comes to rest", func(t *testing.T) {
		t.Parallel()
		both, alone := run(t, "death-spiral", "hpa+vpa", nil).Score, run(t, "death-spiral", "rightsize", nil)
		if s := alone.Score; *s.Cost >= *both.Cost || s.SLOViolationSeconds >= both.SLOViolationSeconds {
			t.Errorf("it costs %v and violates %v s, HPA and VPA %v and %v s", *s.Cost, s.SLOViolationSeconds, *both.Cost, both.SLOViolationSeconds)
		}
		// Core minutes requested on each full day of the same demand.
		const day = 24 * 60
		var days []float64
		for c := alone.Series.CPURequestCores; len(c) >= day; c = c[day:] {
			sum := 0.0
			for _, v := range c[:day] {
				sum += v
			}
			days = append(days, sum)
		}
		if least, most := slices.Min(days), slices.Max(days); most > 1.2*least {
			t.Errorf("%v core minutes a day", days)
		}
	})
	t.Run("deferred: a resize does not fit the node", func(t *testing.T) {
		t.Parallel()
		if got := run(t, "deferred", "vpa", nil).Score; *got.SLOViolatedRequestRatio < 0.01 {
			t.Errorf("%v lost", *got.SLOViolatedRequestRatio)
		}
	})
}
