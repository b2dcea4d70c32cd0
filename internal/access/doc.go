// Package access reads what every engine with a broker needs to reach it: the
// URL, the files that hold secrets, and the TLS settings. Its errors never show
// a URL or the content of a file, because either may hold a password.
package access
