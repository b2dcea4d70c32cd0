// Package faults makes faults between the engines of a test and a ledger.Store: answers
// that are lost, writes that are late, an instance that is suspended, a join that fails.
//
// A Net has a Link for each node of a cluster. A Link is a ledger.Store, and a
// ledger.Watcher if the store behind it is one.
package faults
