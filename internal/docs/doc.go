// Package docs holds no code: its tests keep the documentation true. They check
// that the README's program is the example that compiles and runs, that .ci/run
// runs the README's commands and every example, that the examples stop in order
// on a signal and can be copied, that what a page links to and names exists, that
// no file names a path of somebody's machine, and that docs/conformance.md is
// what the suite finds. The head of that page says how to write it again.
package docs
