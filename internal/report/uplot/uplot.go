// Package uplot holds the chart library of the pages that rightsize writes.
// Pages hold everything they need, so that they work without a network.
package uplot

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
)

var (
	//go:embed uPlot.iife.min.js
	library string
	//go:embed uPlot.min.css
	style string
	//go:embed LICENSE.uPlot
	license string
)

// Script is the library with its licence, which defines uPlot.
func Script() string { return "/*\nuPlot\n" + license + "\n*/\n" + library }

// Style is the library's style sheet.
func Style() string { return style }

// SourceHash is what a content security policy names a script or style by.
func SourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
