// Package asynq runs workers through github.com/hibiken/asynq, on Redis: once
// across all the instances of a service.
//
//	m, err := asynq.New(asynq.Config{URL: "redis://localhost:6379/0"}, core.Options{})
//
// Instances that share a Redis and a namespace are a cluster. Each slot runs on
// one of them; when that one dies in the run another runs it again, within one
// and a half of Config.Lease. What is promised are the rules of the contract, the
// CLU rules among them.
//
// # How a tick runs
//
// On each instance that has the worker a slot falls due at the same time, and is
// enqueued as a task whose id is the tick's: Redis lets the first in. Asynq gives
// the task to an instance, which claims the worker in the ledger (package
// core/ledger), a hash of Redis, runs it, and renews the claim meanwhile. The
// ledger sees to it that a slot runs once and a worker never overlaps; asynq
// alone does not, since it gives a task to another while the first still works
// on it. A slot that asynq has not brought to anybody within a fifth of the lease,
// and a second at least, is claimed without it.
//
// How many runs are in progress at a time on an instance is for Config.Concurrency, or
// core.Options.MaxConcurrent, to say. An instance that has as many leaves what falls
// due to the others for a moment, and takes what they leave; that waits its turn.
// Asynq's own Concurrency is set so high that no tick waits for another's run in the
// queue.
//
// # What asynq's tools show
//
// The asynq command and asynqmon show ticks in the queue "tickwork", or
// "tickwork-<namespace>": tasks of the type worker:<name>, with a payload of
// JSON: the worker, its slot or its trigger, and when it was sent. A task is
// completed when its slot has come to its end, with a result that says so where it
// was not run ("skipped: overlap"), and archived, with the run's error, when the
// run has failed, on whichever instance that was. Completed ones are kept for
// Config.Retention, archived ones for as long as asynq keeps its archive: 90 days,
// and the latest 10,000. The task of an instance that has died is shown as active
// until asynq recovers it, a minute or two later; its slot has long been run again,
// and how that ended is shown then. Where it is not known any more the result says
// so.
// The records of the ledger are JSON too:
//
//	redis-cli hgetall 'tickwork:{tickwork}:w:send-invoices'
//
// What these tools do to tasks does nothing to workers: to cancel, delete or run
// a task there, or to pause the queue, is no Remove, Trigger or Pause of the
// manager, which are for that. While the queue is paused all runs are as late as
// those whose tick asynq brings to nobody. The queue is for ticks: tasks of your own
// belong in another.
//
// # What to set in Redis
//
//   - maxmemory-policy noeviction. Start warns of another, if its user may ask
//     (+config|get or +info): a lease that Redis throws away is a run that may overlap.
//   - appendonly yes, with appendfsync everysec or always. What is lost with
//     less, and in a failover to a replica, which is asynchronous, is written
//     back by the instances that are alive, and only what none of them knows may
//     run again (CLU-13).
//   - A Redis of version 6.2 or later, with a clock within five seconds of the
//     instances' (CLU-8).
//
// A user who may do this, and nothing else, is enough; for a namespace
// tickwork-<namespace> takes the place of what is in braces:
//
//	~tickwork:{tickwork}:* ~asynq:{tickwork}:* ~asynq:queues ~asynq:servers* ~asynq:workers*
//	+@connection +evalsha +eval +time
//	+hset +hget +hmget +hgetall +hdel +exists +del +get +set +setex +incr +expire +expireat
//	+lpush +rpush +lrem +lrange +rpoplpush +sadd +smembers +zadd +zrem +zrange +zrangebyscore +zremrangebyscore +zremrangebyrank
//
// In a Redis Cluster its client also needs +cluster|slots.
//
// # What remains of a worker
//
// If no instance has a worker any more, its hash remains in Redis: some hundred bytes,
// which never expire. Delete it by hand if no instance has the worker or is about to
// start with it, and no run of it is in progress. The first command lists the workers
// that have a hash. The second shows which instance has which workers (if it has more
// than 5,000, without names). The third shows whether the lease is "running". The last
// deletes the hash: the worker's pause, its last run, and up to which slot it has run.
//
//	redis-cli --scan --pattern 'tickwork:{tickwork}:w:*'
//	redis-cli hgetall 'tickwork:{tickwork}:rosters'
//	redis-cli hget 'tickwork:{tickwork}:w:send-invoices' lease
//	redis-cli unlink 'tickwork:{tickwork}:w:send-invoices'
//
// To delete many workers with names of one prefix:
//
//	redis-cli --scan --pattern 'tickwork:{tickwork}:w:tenant-17/*' | xargs -r redis-cli unlink
//
// The roster of an instance that has died is deleted an hour later. Asynq deletes the
// worker's tasks as it does those of all workers.
//
// # A client that the program owns
//
// This package never closes Config.Client. Close it after Stop has returned. If it is
// closed earlier, the log says so, nothing runs on this instance any more, and Stop
// returns as usual. The server of asynq v0.26 would panic: its subscriber takes the end
// of its subscription for a message, which is nil. So this package gives it no
// subscription, and asynq's tools cannot cancel tasks. Cancelling a task has no effect on
// a worker's run in any case.
//
// # Parameters of URLs
//
// Config.URL, and the key url of a file, take those of go-redis, but for those by
// which records would be read from replicas, which lag behind: read_only,
// replica_only, route_by_latency and route_randomly are refused. Timeouts that are
// left out are a tenth of the lease, and three seconds at most.
//
// The URL of backends.OpenURL takes namespace, the keys of the section except url, such
// as lease and password_file, and these parameters of go-redis:
//
//	dial_timeout read_timeout write_timeout client_name protocol
//	pool_size pool_timeout pool_fifo min_idle_conns max_idle_conns max_active_conns
//	conn_max_idle_time conn_max_lifetime
//	db                              not for a cluster, which has no databases
//	addr                            for cluster and sentinel: another host, as after a comma
//	skip_verify                     for rediss and rediss-sentinel
//	master_name username            for sentinel; password too, which is a key of ours
//
// # Passwords and certificates
//
// A special character in the user or the password of a URL is written as % and two
// hexadecimal digits: # is %23, / is %2F, @ is %40. A URL that can be read in more
// than one way is refused. User and Password of Config need no escaping. PasswordFile
// and URLFile name files, such as the secrets that Docker and Kubernetes mount:
//
//	backend: asynq
//	asynq:
//	  url: rediss://redis.internal:6379/0
//	  user: billing
//	  password_file: /run/secrets/redis-password    # or TICKWORK_ASYNQ_PASSWORD_FILE
//	  tls: {ca: /etc/tickwork/ca.pem, cert: /etc/tickwork/client.pem, key: /etc/tickwork/client-key.pem}
//
// Start reads the files. It reads the client's certificate again for each new
// connection. After a change of the password, restart the program. With a rediss URL
// the client trusts the authorities that the system trusts, unless tls.ca names others.
// tls.server_name is the name in the server's certificate, if it is not the host of
// the URL.
//
// While Redis is away go-redis prints each connection that it does not get on
// standard error; its SetLogger, or its package logging, changes that for the
// whole program, and so it is left to the program.
package asynq
