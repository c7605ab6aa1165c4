# Convoy: threads that need the CPU for a moment queue behind one that keeps it
#
# Look at: the response of the clerks. First come, first served (coop) makes each of them wait for a
# whole 50 ms step of the miller, and the disk idles meanwhile: a few tens of requests a second.
# Anything that takes the CPU away from the miller breaks the convoy; the miller hardly loses.
cpus 1
length 10s
switch_cost 2us

thread miller {
	priority 120
	intent class=batch
	program { forever { run 50ms mark io 1ms } }
}
thread clerk {
	count 6
	stagger 3ms
	priority 120
	intent class=interactive flags=io_bound
	program { forever { sleep exp(8ms) run uniform(200us, 600us) mark due 20ms } }
}
watch clerk
