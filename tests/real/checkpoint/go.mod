module stanch.test/checkpoint

go 1.22

require golang.org/x/mod v0.9.0
