# Gaming MLFQ: a cheat gives up the CPU just before its slice ends, to look interactive
#
# Look at: the CPU share of the cheat beside that of the four honest threads, which do the same work.
# A feedback queue that only looks at whole slices gives the cheat nearly everything; one that adds
# up what was used gives it a fifth, as does every scheduler that counts time.
cpus 1
length 10s
switch_cost 2us

thread cheat {
	priority 120
	program { forever { run 9ms mark sleep 100us } }
}
thread honest {
	count 4
	priority 120
	program { forever { run 9ms mark } }
}
thread typist {
	priority 120
	intent class=interactive
	program { forever { sleep exp(120ms) run 1ms mark } }
}
watch typist
