# Overload: five threads with deadlines ask for 1.3 of one CPU
#
# Look at: who misses, and how often. Deadlines alone (EDF without admission) miss nearly all of them
# together, the domino effect. With admission the last ones are refused, run as ordinary threads with
# what is left, and miss; those admitted miss none. Who knows no deadlines spreads the misses.
cpus 1
length 10s
switch_cost 2us

thread camera {
	priority 40
	intent class=realtime runtime=3ms deadline=10ms period=10ms flags=hard_deadline
	program { forever { every 10ms run 2900us mark } }
}
thread radar {
	priority 45
	intent class=realtime runtime=5ms deadline=20ms period=20ms flags=hard_deadline
	program { forever { every 20ms run 4800us mark } }
}
thread planner {
	priority 50
	intent class=realtime runtime=15ms deadline=50ms period=50ms flags=hard_deadline
	program { forever { every 50ms run 14500us mark } }
}
thread mapper {
	priority 55
	intent class=realtime runtime=25ms deadline=100ms period=100ms flags=hard_deadline
	program { forever { every 100ms run 24ms mark } }
}
thread logger {
	priority 60
	intent class=realtime runtime=40ms deadline=200ms period=200ms flags=hard_deadline
	program { forever { every 200ms run 39ms mark } }
}
watch camera, radar
