package gocron
