//go:build !race

package conformance

// raceDetector tells that these tests were built with -race.
const raceDetector = false
