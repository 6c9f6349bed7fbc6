// A program that logs with lumberjack, the same lines into each folder of its command line:
// lumberjack MEGABYTES FIRST LAST HANGUP FOLDER...  Events FIRST to LAST; before HANGUP (0: never)
// it gets a SIGHUP and rotates.
package main

import (
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"gopkg.in/natefinch/lumberjack.v2"
)

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

func main() {
	megabytes := number(os.Args[1])
	first, last, hangup := number(os.Args[2]), number(os.Args[3]), number(os.Args[4])
	var files []*lumberjack.Logger
	var loggers []*log.Logger
	for _, folder := range os.Args[5:] {
		file := &lumberjack.Logger{
			Filename: filepath.Join(folder, "app.log"),
			MaxSize:  megabytes,
		}
		files = append(files, file)
		loggers = append(loggers, log.New(file, "", 0))
	}

	// As its documentation has it.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)

	padding := strings.Repeat("x", 200)
	for event := first; event <= last; event++ {
		if event == hangup {
			syscall.Kill(os.Getpid(), syscall.SIGHUP)
			<-hangups
			for _, file := range files {
				if err := file.Rotate(); err != nil {
					log.Fatal(err)
				}
			}
		}
		for _, logger := range loggers {
			if err := logger.Output(1, fmt.Sprintf("event %d %s", event, padding)); err != nil {
				log.Fatal(err)
			}
		}
	}
	for _, file := range files {
		if err := file.Close(); err != nil {
			log.Fatal(err)
		}
	}
}
