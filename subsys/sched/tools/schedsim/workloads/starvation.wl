# Starvation: two urgent threads that never rest, and a meek one that asks for one CPU in fifty
#
# Look at: the meek thread's response, and how many jobs it finished. Under fixed priorities it does
# not run at all, which is what fixed priorities mean. A scheduler with weights gives it little but
# regularly; MLFQ lets it in when all return to the top.
cpus 1
length 10s
switch_cost 2us

thread urgent {
	count 2
	priority 115
	intent class=server
	program { forever { run 20ms mark } }
}
thread meek {
	priority 125
	intent class=background
	program { forever { sleep 100ms run 2ms mark } }
}
watch meek
