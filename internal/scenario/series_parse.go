package scenario

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// arrivalColumn is the first column of a request trace.
const arrivalColumn = "arrival_s"

// timeColumns are the names that a first column may have: Unix seconds and
// RFC 3339.
func timeColumns() []string { return []string{"timestamp_s", "timestamp", arrivalColumn} }

// minSeconds and maxSeconds bound times, from 1938 to 2223, so that differences
// of times in nanoseconds fit into 64 bits.
const (
	minSeconds = -1_000_000_000
	maxSeconds = 8_000_000_000
)

// maxTableBytes bounds a file once it is unpacked.
const maxTableBytes = 1 << 30

// ReadTable reads a series file, .csv or .csv.gz. Errors about its content
// name file, line and column.
func ReadTable(path string) (*Table, error) {
	f, err := os.Open(path) //nolint:gosec // The user names the file to read.
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	return ParseTable(path, f)
}

// ParseTable reads a series file from r, unpacking it if it is gzipped. The
// path is what errors call it and where the table's name comes from.
func ParseTable(path string, r io.Reader) (*Table, error) {
	text, err := unpack(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := &tableParser{Table: &Table{Name: seriesName(path), path: path}}
	p.csv = csv.NewReader(text)
	p.csv.ReuseRecord = true
	p.csv.FieldsPerRecord = -1
	if err := p.header(); err != nil {
		return nil, err
	}
	for {
		record, err := p.csv.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, p.csvError(err)
		}
		if err := p.row(record); err != nil {
			return nil, err
		}
	}
	if len(p.times) == 0 {
		return nil, &CellError{Path: path, Line: 2, Problem: "the file has no rows"}
	}
	return p.Table, nil
}

// seriesName strips folder and extensions.
func seriesName(path string) string {
	name := filepath.Base(path)
	name = strings.TrimSuffix(name, ".gz")
	return strings.TrimSuffix(name, ".csv")
}

// unpack undoes gzip where it finds it, skips a byte order mark and bounds the
// length.
func unpack(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		buffered = bufio.NewReaderSize(z, 1<<16)
	}
	if bom, _ := buffered.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3) // They have just been peeked at.
	}
	return &limitedReader{r: buffered, left: maxTableBytes}, nil
}

// limitedReader is io.LimitedReader that fails instead of ending early.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("more than %d MiB", maxTableBytes>>20)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// tableParser fills a Table row by row.
type tableParser struct {
	*Table
	csv     *csv.Reader
	rfc3339 bool
	first   string // Name of the first column.
	words   map[string]string
}

func (p *tableParser) header() error {
	record, err := p.csv.Read()
	if errors.Is(err, io.EOF) {
		return &CellError{Path: p.path, Line: 1, Problem: "the file is empty"}
	}
	if err != nil {
		return p.csvError(err)
	}
	names := make([]string, len(record))
	for i, name := range record {
		names[i] = strings.TrimSpace(name)
		switch {
		case names[i] == "":
			return &CellError{Path: p.path, Line: 1, Problem: fmt.Sprintf("column %d has no name", i+1)}
		case slices.Contains(names[:i], names[i]):
			return &CellError{Path: p.path, Line: 1, Column: names[i], Problem: "the name appears twice"}
		}
	}
	if !slices.Contains(timeColumns(), names[0]) {
		return &CellError{
			Path: p.path, Line: 1, Column: names[0],
			Problem: "the first column has to be one of " + strings.Join(timeColumns(), ", "),
		}
	}
	p.first, p.rfc3339, p.arrival = names[0], names[0] == "timestamp", names[0] == arrivalColumn
	for _, name := range names[1:] {
		p.columns = append(p.columns, column{name: name})
	}
	return nil
}

func (p *tableParser) row(record []string) error {
	line, _ := p.csv.FieldPos(0)
	if len(record) != len(p.columns)+1 {
		return &CellError{
			Path: p.path, Line: line,
			Problem: fmt.Sprintf("%d fields, the header has %d", len(record), len(p.columns)+1),
		}
	}
	at, err := p.time(record[0])
	if err != nil {
		return &CellError{Path: p.path, Line: line, Column: p.first, Problem: err.Error()}
	}
	p.times = append(p.times, at)
	p.lines = append(p.lines, line)
	for i, cell := range record[1:] {
		p.cell(&p.columns[i], strings.TrimSpace(cell))
	}
	return nil
}

// cell appends one cell to its column; text, once there is any, is kept for
// every row.
func (p *tableParser) cell(c *column, cell string) {
	row := len(c.numbers)
	v, ok := parseNumber(cell)
	gap := isGap(cell)
	if !gap {
		c.filled++
	}
	if !ok && !gap {
		if c.bad == 0 {
			c.firstAt = row
			c.text = make([]string, row, 2*row+64)
			for i, v := range c.numbers {
				if !math.IsNaN(v) {
					c.text[i] = strconv.FormatFloat(v, 'g', -1, 64)
				}
			}
		}
		c.bad++
	}
	c.numbers = append(c.numbers, v)
	if c.text != nil {
		c.text = append(c.text, p.intern(cell))
	}
}

// intern keeps one copy of each text, since most repeat.
func (p *tableParser) intern(s string) string {
	if p.words == nil {
		p.words = map[string]string{}
	}
	if w, ok := p.words[s]; ok {
		return w
	}
	w := strings.Clone(s)
	p.words[w] = w
	return w
}

// time parses a cell of the first column to Unix nanoseconds. Decimal seconds
// are good to a microsecond.
func (p *tableParser) time(cell string) (int64, error) {
	cell = strings.TrimSpace(cell)
	if p.rfc3339 {
		t, err := time.Parse(time.RFC3339Nano, cell)
		if err != nil {
			return 0, fmt.Errorf("%q is not an RFC 3339 time", cell)
		}
		if s := t.Unix(); s < minSeconds || s > maxSeconds {
			return 0, fmt.Errorf("%q is out of range", cell)
		}
		return t.UnixNano(), nil
	}
	v, ok := parseNumber(cell)
	if !ok {
		return 0, fmt.Errorf("%q is not a time in seconds", cell)
	}
	if v < minSeconds || v > maxSeconds {
		return 0, fmt.Errorf("%q is out of range", cell)
	}
	return int64(math.Round(v*1e6)) * 1000, nil
}

func (p *tableParser) csvError(err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return &CellError{Path: p.path, Line: parse.Line, Problem: parse.Err.Error()}
	}
	return fmt.Errorf("%s: %w", p.path, err)
}

// isGap says whether a cell stands for a missing value.
func isGap(cell string) bool { return cell == "" || strings.EqualFold(cell, "nan") }

// parseNumber reads a finite decimal number; everything else is NaN and false.
func parseNumber(cell string) (float64, bool) {
	if cell == "" || strings.ContainsAny(cell, "xXpP_iInN") {
		return math.NaN(), false
	}
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return math.NaN(), false
	}
	return v, true
}
