package collector

import (
	"time"
)

// CatalogueQueries are the queries of all aliases, for tests that send them to
// a real server.
func CatalogueQueries() ([]string, error) {
	c, err := loadCatalogue()
	if err != nil {
		return nil, err
	}
	var queries []string
	for _, s := range c.Signals {
		for _, a := range s.Aliases {
			queries = append(queries, c.signal(scope{cluster: "cluster", window: 5 * time.Minute}, s, a, "300s"))
		}
	}
	a := &Archive{Collector: &Collector{catalog: c}}
	v := view{found: map[string]int{}}
	for _, e := range c.evidence() {
		v.found[e.id()] = 1
	}
	s := scope{cluster: "cluster", window: 5 * time.Minute, recent: time.Minute, before: 5 * time.Minute}
	for _, parts := range []map[string]string{a.answers(s, v), a.latencies(s, v)} {
		queries = append(queries, s.union(parts))
	}
	return queries, nil
}
