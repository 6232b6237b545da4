package scores

import (
	"io"

	"github.com/rightsize-dev/rightsize/simulator"
)

// HTML writes a page.
func HTML(w io.Writer, lists []simulator.ScoreList) error {
	return JSON(w, lists)
}
