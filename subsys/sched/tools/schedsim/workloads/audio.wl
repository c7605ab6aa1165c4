# Audio under load: a player must fill a buffer every 10 ms while a compiler uses all there is
#
# Look at: the deadlines of `audio` (each one missed is a click) and the p99 of `desktop`. The
# compiler's eight jobs come and go. Who knows only turns makes the player wait for all of them.
cpus 2
length 10s
switch_cost 2us

thread audio {
	priority 50
	intent class=soft_realtime runtime=2ms deadline=10ms period=10ms flags=soft_deadline latency_nice=-15
	program { forever { every 10ms run uniform(1ms, 1800us) mark } }
}
thread desktop {
	count 2
	priority 115
	intent class=interactive latency=target:20ms latency_nice=-10
	program { forever { sleep exp(60ms) run exp(3ms, 20ms) mark } }
}
thread cc {
	count 8
	stagger 7ms
	priority 125
	intent class=batch
	program { forever { run exp(60ms, 500ms) mark io exp(3ms) } }
}
watch audio, desktop
