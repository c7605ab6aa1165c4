# Priority inversion: the bus thread waits for a mutex of the weather thread, which a third keeps off
#
# Look at: the deadlines of `bus`, the most urgent thread. `weather`, the least urgent, holds the
# mutex for 3 ms at a time; `radio`, in the middle, needs no mutex and the CPU for long. With
# inheritance `weather` is as urgent as `bus` while it holds the mutex. Take the word `inherit` away
# and run it with --sched prio: every wait of `bus` becomes as long as the radio wants.
cpus 1
length 10s
switch_cost 2us
mutex data inherit

thread bus {
	priority 20
	intent class=realtime latency=maximum:10ms
	program { forever { every 25ms run 1ms lock data run 1ms unlock data mark due 12ms } }
}
thread radio {
	priority 60
	intent class=soft_realtime
	arrival 2ms
	program { forever { sleep uniform(5ms, 15ms) run uniform(20ms, 60ms) mark } }
}
thread weather {
	priority 90
	intent class=background
	program { forever { lock data run 3ms unlock data mark sleep exp(15ms) } }
}
watch bus
