# Thousand sleepers: a thousand threads that wake now and then, beside four that compute
#
# Look at: the p99 of the sleepers and the share of switching. Many wake on the same tick, so what is
# measured is the queue among themselves, and how soon the computing threads give way. Pick must not
# get slower with a thousand threads that only sleep: here that costs nothing, make bench shows it.
cpus 4
length 5s
switch_cost 2us

thread sleeper {
	count 1000
	stagger 1ms
	priority 118
	intent class=interactive flags=io_bound
	program { forever { sleep exp(900ms) run uniform(100us, 2ms) mark } }
}
thread compute {
	count 4
	priority 125
	intent class=batch
	program { forever { run 40ms mark } }
}
watch sleeper
