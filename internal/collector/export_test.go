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
	return queries, nil
}
