package covered

// Dead is executed by no case, but by a test next to the suite.
func Dead(n int) int {
	if n > 0 {
		return 1
	}
	return 2
}
