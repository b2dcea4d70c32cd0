// Package nats runs workers on a cluster of instances that share NATS servers
// with JetStream: each slot runs once, on one of them.
//
//	m, err := nats.New(nats.Config{URL: "nats://localhost:4222"}, core.Options{})
//
// There is nothing to install beside nats-server, 2.10 or later, with JetStream.
//
// # How it works
//
// It is core's clock and the ledger of the package core/ledger, kept in a
// key-value bucket. There are no tick messages, and no consumer for each worker:
// when a slot is due, the instances that have the worker try to write their claim
// into its record, with the revision that they have seen, and the server lets one
// of these writes in. A watcher, one for each instance, tells of all changes.
//
// An idle worker costs the server a record of some hundred bytes. A run costs it
// two writes, and one for each third of the lease that it lasts.
//
// # What is promised
//
// All rules of a distributed engine, CLU-1 to CLU-13. When an instance dies, its
// run is found out after a lease (Config.Lease, 15 seconds), and run again by
// another within a lease and a half, or a lease and five seconds where that is
// less. When a server ends, the ledger with one replica stands still until it is
// back; with three, until a new leader is elected, some seconds. The managers stay
// alive meanwhile, and the latest slot of those that were missed runs after. Runs
// in progress are cancelled with ErrLeaseLost only if they could not renew for nine
// tenths of a lease, so the lease must be longer than an election takes.
//
// A server acknowledges a write before it is safely on the disk, which all are
// every two minutes. A server that is killed loses nothing. With one replica, one
// that loses power can lose the writes of its last two minutes; with three,
// servers that lose power at once can, or one of them while another is behind.
// What living instances know of that they write back; other slots may run again.
// With sync_interval: always, in the jetstream block of the servers'
// configuration, a write is acknowledged when it is on the disk, and is slower.
//
// All instances should have the same Lease (while it is changed, one by one, the longer
// is waited for), and clocks that differ by less than five seconds from the servers'.
//
// From a ledger that is new nothing is claimed for a fifth of the lease, so that
// instances which know of an earlier one can write it back: the very first Start waits
// for that.
//
// # The bucket
//
// It is made by the first instance, and is named after the namespace. An existing
// one is taken as it is, but that replicas are added if Config wants more, and
// direct reads turned off. Replicas are never taken away, and an older version of
// this package never changes one that a newer has made: it uses it as it is. One
// that would lose records (a TTL, a limit with old records discarded, memory where
// Config wants files) or cannot be written to (a copy of another, or sealed) is refused.
//
//	nats kv ls tickwork_default                     # what there is
//	nats kv get tickwork_default w.delete-old-logs  # who runs it, what was run last
//	nats kv watch tickwork_default                  # as it happens
//
// The keys are w.<worker>, the lease, c.<worker>, a pause and the last trigger,
// i.<instance>, which is written with every beat, and r.<instance>, with the
// workers that the instance has. The values are JSON. In a name each character
// but letters, digits, - and _ is written as _ and two hexadecimal digits in
// capitals, and so is a _ that two such digits follow: the worker billing.daily is
// w.billing_2Edaily, and job_42 is w.job_5F42.
//
// # What remains of a worker
//
// If no instance has a worker any more, its keys remain in the bucket: some hundred
// bytes each, which never expire. Purge them by hand if no instance has the worker or is
// about to start with it, and no run of it is in progress. The first command lists the
// workers that have keys. The second shows which workers an instance has (if it has more
// than 5,000, without names). The third shows whether the lease is "running". The last
// two purge the keys: the worker's pause, its last run, and up to which slot it has run.
//
//	nats kv ls tickwork_default
//	nats kv get tickwork_default r.host-1 --raw
//	nats kv get tickwork_default w.send-invoices --raw
//	nats stream purge KV_tickwork_default --subject '$KV.tickwork_default.w.send-invoices' --force
//	nats stream purge KV_tickwork_default --subject '$KV.tickwork_default.c.send-invoices' --force
//
// A key that is deleted with nats kv del leaves a marker of the same size.
//
// # Permissions
//
// A user needs these, and no more, in the account in which JetStream is enabled;
// for another namespace write its bucket's name.
//
//	publish: [
//	  "$KV.tickwork_default.>"                         # to write records
//	  "$JS.API.STREAM.INFO.KV_tickwork_default"        # to find the bucket
//	  "$JS.API.STREAM.CREATE.KV_tickwork_default"      # to make it
//	  "$JS.API.STREAM.MSG.GET.KV_tickwork_default"     # to read records: to pause, or when another won
//	  "$JS.API.STREAM.PURGE.KV_tickwork_default"       # to leave the registry at Stop
//	  "$JS.API.CONSUMER.CREATE.KV_tickwork_default.>"  # to watch the records
//	  "$JS.API.CONSUMER.DELETE.KV_tickwork_default.>"  # to end a watch at once
//	  "$JS.FC.KV_tickwork_default.>"                   # to watch thousands of them
//	]
//	subscribe: [
//	  "_INBOX.>"                                       # to get answers
//	]
//
// STREAM.CREATE is for the instance that makes the bucket. Without it somebody
// else makes it, and turns off direct reads, which a replica may answer that is
// behind:
//
//	nats kv add tickwork_default --replicas 3
//	nats stream edit KV_tickwork_default --no-allow-direct --force
//
// A bucket that has them on, or fewer replicas than Config wants, is updated by
// the first instance, which needs STREAM.UPDATE for that.
//
// A prefix of one's own for the inbox is nats.CustomInboxPrefix in Config.Options.
// JetStream of another domain or account, under an API prefix of its own, cannot be
// used: connect to a server and an account that have it. Before a bucket is restored
// from a backup stop all instances: they make one that is missing anew.
//
// # By configuration
//
//	backend: nats
//	namespace: billing
//	nats:
//	  url: nats://one:4222,nats://two:4222,nats://three:4222
//	  replicas: 3
//	  creds: /etc/tickwork/nats.creds
//
// As a URL it is nats://localhost:4222?namespace=billing&replicas=3.
//
// A special character in the user or the password of a URL is written as % and two
// hexadecimal digits: # is %23, / is %2F, a comma is %2C. A URL that can be read in
// more than one way is refused. The keys user and password, or token, need no
// escaping. The keys password_file, token_file and url_file name files, such as the
// secrets that Docker and Kubernetes mount (TICKWORK_NATS_PASSWORD_FILE in the
// environment). Start reads these files. The files of creds, nkey and the certificates
// are read again for each new connection.
package nats
