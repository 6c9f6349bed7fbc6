// Checks of exports and proofs with golang.org/x/mod/sumdb (tlog, note), which nobody here wrote.
//
//	tilecheck log DIR VKEY                  an export: note, every tile, entry, addendum; root; proofs
//	tilecheck spoil DIR VKEY                the same with each byte of each file changed in turn, each file
//	                                        cut, emptied and taken away: all must be refused
//	tilecheck inclusion VKEY ENTRY PROOF    a C2SP tlog-proof of an entry
//	tilecheck consistency VKEY OLD BODY     an add-checkpoint body (C2SP tlog-witness) behind the checkpoint OLD
//
// The root is computed from all leaves.  TileHashReader of this version does not serve: it leaves some of
// the tiles that it reads unauthenticated (CVE-2026-56865).
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	width     = 256
	entrySize = 133
	marker    = ".inkfs-export" // ours, not of the layout
)

type tree map[string][]byte

func load(dir string) (tree, error) {
	files := tree{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil && name != marker {
			files[name], err = os.ReadFile(path)
		}
		return err
	})
	return files, err
}

// --- notes ---------------------------------------------------------------------------------------

// cosigner verifies C2SP cosignature/v1 lines.
type cosigner struct {
	name string
	key  ed25519.PublicKey
}

func (c cosigner) Name() string { return c.name }

func (c cosigner) KeyHash() uint32 {
	sum := sha256.Sum256(append([]byte(c.name+"\n\x04"), c.key...))
	return binary.BigEndian.Uint32(sum[:])
}

func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	text := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(c.key, []byte(text), sig[8:])
}

type checkpoint struct {
	size int64
	root tlog.Hash
}

func parseCheckpoint(text, origin string) (c checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != origin {
		return c, errors.New("not a checkpoint of this origin with three lines")
	}
	if c.size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return c, err
	}
	if lines[1] != strconv.FormatInt(c.size, 10) || c.size < 0 {
		return c, errors.New("size is not in its shortest form")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return c, errors.New("root is not a hash")
	}
	copy(c.root[:], root)
	return c, nil
}

// open checks the line of the log key and those of all others; each must be there.
func open(msg []byte, vkey string, others ...note.Verifier) (checkpoint, error) {
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return checkpoint{}, err
	}
	opened, err := note.Open(msg, note.VerifierList(append(others, log)...))
	if err != nil {
		return checkpoint{}, err
	}
	if len(opened.Sigs) != 1+len(others) {
		return checkpoint{}, fmt.Errorf("%d good signatures", len(opened.Sigs))
	}
	// note.Open takes base64 with stray bits at its end.
	for _, sig := range opened.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return checkpoint{}, err
		}
	}
	return parseCheckpoint(opened.Text, log.Name())
}

// --- the export ------------------------------------------------------------------------------------

// path is the place of a tile: C2SP tlog-tiles, with 256 hashes and without a height.
func path(level string, n int64, count int) string {
	name := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	if count < width {
		name += fmt.Sprintf(".p/%d", count)
	}
	return "tile/" + level + "/" + name
}

// take gives the tile and notes that it belongs there.
func take(files tree, seen map[string]bool, name string) ([]byte, error) {
	data, ok := files[name]
	if !ok {
		return nil, fmt.Errorf("%s is missing", name)
	}
	seen[name] = true
	return data, nil
}

type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var got []tlog.Hash
	for _, i := range indexes {
		if i >= int64(len(h)) {
			return nil, fmt.Errorf("no hash %d", i)
		}
		got = append(got, h[i])
	}
	return got, nil
}

// entries reads all bundles.
func entries(files tree, seen map[string]bool, size int64) (list [][]byte, err error) {
	for first := int64(0); first < size; first += width {
		count := int(min(width, size-first))
		name := path("entries", first/width, count)
		data, err := take(files, seen, name)
		if err != nil {
			return nil, err
		}
		for i := 0; i < count; i++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s is cut off", name)
			}
			n := int(binary.BigEndian.Uint16(data))
			list = append(list, data[2:2+n])
			data = data[2+n:]
		}
		if len(data) > 0 {
			return nil, fmt.Errorf("%s has bytes left over", name)
		}
	}
	return list, nil
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

// checkTiles holds every tile against the hashes that the leaves make.
func checkTiles(files tree, seen map[string]bool, size int64, stored hashes) error {
	count := size
	for level := 0; count > 0; level++ {
		for first := int64(0); first < count; first += width {
			n := int(min(width, count-first))
			name := path(strconv.Itoa(level), first/width, n)
			data, err := take(files, seen, name)
			if err != nil {
				return err
			}
			var wanted []byte
			for i := int64(0); i < int64(n); i++ {
				hash := stored[tlog.StoredHashIndex(8*level, first+i)]
				wanted = append(wanted, hash[:]...)
			}
			if !bytes.Equal(data, wanted) {
				return fmt.Errorf("%s is not what the leaves make", name)
			}
		}
		count /= width
	}
	return nil
}

// checkOlder holds partial tiles of earlier exports against what grew out of them.
func checkOlder(files tree, seen map[string]bool) error {
	for name, data := range files {
		if seen[name] {
			continue
		}
		dir := filepath.Dir(name)
		full := strings.TrimSuffix(dir, ".p")
		w, err := strconv.Atoi(filepath.Base(name))
		if full == dir || err != nil || !strings.HasPrefix(name, "tile/") {
			return fmt.Errorf("%s does not belong there", name)
		}
		grown := files[full]
		for wider := w + 1; grown == nil && wider < width; wider++ {
			grown = files[fmt.Sprintf("%s/%d", dir, wider)]
		}
		if len(data) == 0 || !bytes.HasPrefix(grown, data) {
			return fmt.Errorf("%s is not the beginning of what came after it", name)
		}
	}
	return nil
}

// checkAddenda looks at each body and gives the seal key in force at the end.
func checkAddenda(files tree, seen map[string]bool, list [][]byte, origin string) (note.Verifier, error) {
	var key []byte
	epoch := 0
	for i, entry := range list {
		// content || offset u32 || count u8
		if len(entry) != entrySize || entry[132] != 1 || binary.BigEndian.Uint32(entry[128:]) != 96 {
			return nil, fmt.Errorf("entry %d does not end in an addendum index", i)
		}
		if binary.BigEndian.Uint64(entry[8:]) != uint64(i) {
			return nil, fmt.Errorf("entry %d has another number", i)
		}
		d := hex.EncodeToString(entry[96:128])
		body, err := take(files, seen, "addenda/"+d[:2]+"/"+d[2:4]+"/"+d)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(body); !bytes.Equal(sum[:], entry[96:128]) {
			return nil, fmt.Errorf("addendum %s is not what its name says", d)
		}
		if len(body) != 16+int(binary.BigEndian.Uint32(entry[4:])) {
			return nil, fmt.Errorf("addendum %s has another size", d)
		}
		switch kind := entry[1]; {
		case kind == 1:
			key = body[16+64 : 16+96]
		case kind == 18 || kind == 19:
			key = body[16+56 : 16+88]
			epoch = int(binary.BigEndian.Uint32(body[16:]))
		}
	}
	return cosigner{fmt.Sprintf("%s/epoch/%d", origin, epoch), key}, nil
}

func checkProofs(size int64, root tlog.Hash, stored hashes) error {
	step := 1 + size/500
	for n := int64(0); n < size; n += step {
		leaf := stored[tlog.StoredHashIndex(0, n)]
		proof, err := tlog.ProveRecord(size, n, stored)
		if err == nil {
			err = tlog.CheckRecord(proof, size, root, n, leaf)
		}
		if err != nil {
			return fmt.Errorf("inclusion of %d: %v", n, err)
		}
		old, err := tlog.TreeHash(n+1, stored)
		if err != nil {
			return err
		}
		grown, err := tlog.ProveTree(size, n+1, stored)
		if err == nil {
			err = tlog.CheckTree(grown, size, root, n+1, old)
		}
		if err != nil {
			return fmt.Errorf("consistency from %d: %v", n+1, err)
		}
	}
	return nil
}

// check is everything that can be checked of an export; isDeep: proofs of many records too.
func check(files tree, vkey string, isDeep bool) (int64, error) {
	seen := map[string]bool{"checkpoint": true}
	now, err := open(files["checkpoint"], vkey)
	if err != nil {
		return 0, err
	}
	if mark, err := take(files, seen, "addenda.v1"); err != nil || len(mark) != 0 {
		return 0, errors.New("no addenda.v1")
	}
	list, err := entries(files, seen, now.size)
	if err != nil {
		return 0, err
	}
	var stored hashes
	for i, entry := range list {
		more, err := tlog.StoredHashes(int64(i), entry, stored)
		if err != nil {
			return 0, err
		}
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(now.size, stored)
	if err != nil || root != now.root {
		return 0, fmt.Errorf("the root is not that of the checkpoint (%v)", err)
	}
	if err = checkTiles(files, seen, now.size, stored); err != nil {
		return 0, err
	}
	origin := strings.SplitN(vkey, "+", 2)[0]
	epoch, err := checkAddenda(files, seen, list, origin)
	if err != nil {
		return 0, err
	}
	if _, err = open(files["checkpoint"], vkey, epoch); err != nil {
		return 0, fmt.Errorf("line of the seal key: %v", err)
	}
	if err = checkOlder(files, seen); err != nil {
		return 0, err
	}
	if isDeep {
		err = checkProofs(now.size, now.root, stored)
	}
	return now.size, err
}

// --- spoiling --------------------------------------------------------------------------------------

func spoil(files tree, vkey string) (count int, err error) {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	try := func(name string, data []byte, what string) {
		whole := files[name]
		if files[name] = data; data == nil {
			delete(files, name)
		}
		if _, bad := check(files, vkey, false); bad == nil && err == nil {
			err = fmt.Errorf("%s, %s: not noticed", name, what)
		}
		files[name] = whole
		count++
	}
	for _, name := range names {
		whole := files[name]
		for i := range whole {
			bad := append([]byte{}, whole...)
			bad[i] ^= 1 << uint(i%8)
			try(name, bad, fmt.Sprintf("byte %d changed", i))
		}
		try(name, nil, "taken away")
		try(name, append(append([]byte{}, whole...), 0), "one byte longer")
		if len(whole) > 0 {
			try(name, whole[:len(whole)-1], "one byte shorter")
			try(name, []byte{}, "emptied")
		}
	}
	files["tile/0/999"] = files["tile/0/000"]
	if _, bad := check(files, vkey, false); bad == nil && err == nil {
		err = errors.New("a tile too many: not noticed")
	}
	return count + 1, err
}

// --- proofs ----------------------------------------------------------------------------------------

func parseHashes(lines []string) (list []tlog.Hash, err error) {
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		list = append(list, hash)
	}
	return list, nil
}

// split gives the lines before the first empty one, and all behind it.
func split(data string) ([]string, string, error) {
	at := strings.Index(data, "\n\n")
	if at < 0 {
		return nil, "", errors.New("no empty line")
	}
	return strings.Split(data[:at], "\n"), data[at+2:], nil
}

func inclusion(vkey string, entry []byte, proof string) error {
	lines, msg, err := split(proof)
	if err != nil {
		return err
	}
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return errors.New("not a tlog-proof")
	}
	index, err := strconv.ParseInt(lines[1][len("index "):], 10, 64)
	if err != nil {
		return err
	}
	list, err := parseHashes(lines[2:])
	if err != nil {
		return err
	}
	now, err := open([]byte(msg), vkey)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(list, now.size, now.root, index, tlog.RecordHash(entry))
}

func consistency(vkey string, old []byte, body string) error {
	before, err := open(old, vkey)
	if err != nil {
		return err
	}
	lines, msg, err := split(body)
	if err != nil {
		return err
	}
	if lines[0] != fmt.Sprintf("old %d", before.size) {
		return errors.New("not from that size")
	}
	list, err := parseHashes(lines[1:])
	if err != nil {
		return err
	}
	now, err := open([]byte(msg), vkey)
	if err != nil {
		return err
	}
	return tlog.CheckTree(list, now.size, now.root, before.size, before.root)
}

// --- the command line ------------------------------------------------------------------------------

func read(name string) []byte {
	data, err := os.ReadFile(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tilecheck:", err)
		os.Exit(3)
	}
	return data
}

func run(args []string) (string, error) {
	switch {
	case len(args) == 3 && (args[0] == "log" || args[0] == "spoil"):
		files, err := load(args[1])
		if err != nil {
			return "", err
		}
		size, err := check(files, args[2], true)
		if err != nil || args[0] == "log" {
			return fmt.Sprintf("%d records", size), err
		}
		count, err := spoil(files, args[2])
		return fmt.Sprintf("%d spoilt exports refused", count), err
	case len(args) == 4 && args[0] == "inclusion":
		return "included", inclusion(args[1], read(args[2]), string(read(args[3])))
	case len(args) == 4 && args[0] == "consistency":
		return "consistent", consistency(args[1], read(args[2]), string(read(args[3])))
	}
	return "", errors.New("usage: see the head of tilecheck.go")
}

func main() {
	said, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "tilecheck:", err)
		os.Exit(1)
	}
	fmt.Println(said)
}
