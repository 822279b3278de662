module github.com/jackstaff/jackstaff/bindings-go

go 1.24
