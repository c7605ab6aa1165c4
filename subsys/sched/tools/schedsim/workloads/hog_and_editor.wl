# Hog and editor: somebody types while four hogs compute and an indexer is allowed a fifth of the CPU
#
# Look at: the p99 of the editor (below 20 ms nobody notices) and how far the indexer goes beyond its
# 4 ms in 20 ms. Schedulers without budgets let it take what it can get.
cpus 1
length 10s
switch_cost 2us

thread editor {
	priority 112
	intent class=interactive latency=target:10ms latency_nice=-10 flags=low_latency
	program { forever { sleep exp(80ms) run uniform(500us, 3ms) mark due 50ms } }
}
thread hog {
	count 4
	priority 125
	intent class=batch
	program { forever { run 100ms mark } }
}
thread indexer {
	priority 120
	intent class=server budget=quota:4ms/20ms
	program { forever { run 10ms mark } }
}
watch editor
