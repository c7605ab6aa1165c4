# Bursty web server: requests come in bursts, most are small, a few are huge; a backup runs beside
#
# Look at: the p99 of the workers (from the request's arrival to its answer), and what the backup
# still gets. With long slices a small request waits behind a huge one; without weights it waits
# behind the backup too. Two CPUs, so placing matters: see the moves.
cpus 2
length 10s
switch_cost 2us
semaphore request
source net posts request every exp(12ms) burst 4

thread worker {
	count 12
	priority 118
	intent class=server flags=io_bound
	program { forever { wait request run pareto(300us, 1.3, 60ms) io exp(2ms) run 200us mark due 100ms } }
}
thread backup {
	count 3
	priority 128
	intent class=background
	program { forever { run 25ms mark } }
}
watch worker
