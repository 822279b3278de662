module github.com/jackstaff/jackstaff/examples/go

go 1.24

require github.com/jackstaff/jackstaff/bindings-go v0.0.0

replace github.com/jackstaff/jackstaff/bindings-go => ../../bindings-go
