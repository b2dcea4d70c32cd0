// Package docs holds no code: its tests keep the documentation true. They check
// that the README's program is the example that compiles and runs, that .ci/run
// runs its commands and every example, that what a page links to and names
// exists, that no file names a path of somebody's machine, and that
// docs/conformance.md is what the suite finds out; its head says how to write it
// anew.
package docs
