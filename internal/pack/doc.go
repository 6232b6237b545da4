// Package pack keeps regular series of measurements small in memory.
//
// A value is rounded to [Bits] bits of mantissa, once, where it comes in: whoever
// reads the same source has the same numbers, and rounding again changes nothing.
// What is rounded is kept without loss.
//
// The format is a stream of bits for each block of a series. With the bits of a
// rounded double, which grow with the value, as an integer q, it holds what
// differs from the value before:
//
//	0           a value follows
//	10 run      so many times the same, then a value or a gap
//	11 run      so many gaps, then a value
//
//	value       how q differs, mapped to 0, 1, 2, … (zigzag), in a Rice code
//	run         how often, in an Elias gamma code
//
// The parameter of the Rice code follows the mean of the differences, as in
// JPEG-LS (Weinberger, Seroussi and Sapiro, The LOCO-I lossless image compression
// algorithm, IEEE Trans. Image Processing 9, 2000, section III.B). Differences
// that would take too long get an escape: 24 ones and 32 bits.
package pack
