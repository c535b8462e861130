module example.org/show

go 1.26
