// Reads a folder of checkpoints and their index as the checksum database of Go reads its own, and holds one against the other.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type hashes []tlog.Hash

func (kept hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var read []tlog.Hash
	for _, index := range indexes {
		read = append(read, kept[index])
	}
	return read, nil
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	folder := os.Args[1]
	verifiers := note.VerifierList(must(note.NewVerifier(os.Args[2])))
	var kept hashes
	records := int64(0)
	indexes := must(filepath.Glob(filepath.Join(folder, "index-*")))
	sort.Strings(indexes)
	for _, path := range indexes {
		for _, line := range strings.SplitAfter(string(must(os.ReadFile(path))), "\n") {
			number, entry, found := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			if !found || must(strconv.ParseInt(number, 10, 64)) != records+1 {
				continue
			}
			kept = append(kept, must(tlog.StoredHashes(records, []byte(entry), kept))...)
			records++
		}
	}
	var trees []tlog.Tree
	checkpoints := must(filepath.Glob(filepath.Join(folder, "checkpoint-*")))
	sort.Strings(checkpoints)
	for _, path := range checkpoints {
		opened := must(note.Open(must(os.ReadFile(path)), verifiers))
		lines := strings.Split(opened.Text, "\n")
		size := must(strconv.ParseInt(lines[1], 10, 64))
		root := must(tlog.ParseHash(lines[2]))
		if len(lines) != 4 || lines[0] != signer(opened) || must(tlog.TreeHash(size, kept)) != root {
			fmt.Fprintf(os.Stderr, "%s is not the checkpoint of its index\n", path)
			os.Exit(1)
		}
		for _, before := range trees {
			proof := must(tlog.ProveTree(size, before.N, kept))
			if err := tlog.CheckTree(proof, size, root, before.N, before.Hash); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		trees = append(trees, tlog.Tree{N: size, Hash: root})
	}
	fmt.Printf("%d checkpoints over %d records\n", len(trees), records)
}

func signer(opened *note.Note) string {
	return opened.Sigs[0].Name
}
