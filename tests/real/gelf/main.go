// Takes GELF over UDP with Graylog's own library, which puts chunks together, and writes each message as a line of JSON.
//
//	gelf FILE: prints the address it listens at, then serves until it is ended.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/Graylog2/go-gelf/gelf"
)

func main() {
	reader, err := gelf.NewReader("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	file, err := os.OpenFile(os.Args[1], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Println(reader.Addr())
	for {
		message, err := reader.ReadMessage()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		line, err := json.Marshal(map[string]any{
			"version": message.Version, "host": message.Host, "short": message.Short, "full": message.Full,
			"timestamp": message.TimeUnix, "level": message.Level, "extra": message.Extra,
		})
		if err != nil {
			panic(err)
		}
		file.Write(append(line, '\n'))
	}
}
