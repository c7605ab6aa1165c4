# Periodic control: three loops at 500, 200 and 50 Hz, a trend recorder, and a batch job
#
# Look at: the deadlines of the loops, and their p99 beside what they need (the response of an idle
# machine is the run itself). A job that began a tick late has used up half of the fastest loop.
cpus 1
length 10s
switch_cost 2us

thread motor {
	priority 30
	intent class=realtime runtime=500us deadline=2ms period=2ms flags=hard_deadline
	program { forever { every 2ms run uniform(300us, 400us) mark } }
}
thread valve {
	priority 35
	intent class=realtime runtime=1ms deadline=5ms period=5ms flags=hard_deadline
	program { forever { every 5ms run 800us mark } }
}
thread heater {
	priority 40
	intent class=realtime runtime=4ms deadline=20ms period=20ms flags=hard_deadline
	program { forever { every 20ms run uniform(2ms, 3500us) mark } }
}
thread trend {
	priority 115
	intent class=server
	program { forever { every 100ms run 5ms mark } }
}
thread batch {
	count 2
	priority 130
	intent class=batch
	program { forever { run 30ms mark } }
}
watch motor, valve, heater
