package redistest

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// scripts runs a Mini's scripts. miniredis makes a Lua with all its libraries for
// each call, and buffers for each command of it, which was nine tenths of all the
// memory that a suite asked for, and most of its time under the race detector;
// here one Lua stays. What is not known here is left to miniredis. A script in a
// transaction (MULTI), which nothing here has, would not wait for its end.
type scripts struct {
	mini *miniredis.Miniredis

	mu     sync.Mutex // is taken before that of miniredis
	lua    *lua.LState
	known  map[string]*lua.LFunction // by the hash of its source
	server *server.Server            // does what scripts call
	peer   *server.Peer              // is who calls
	out    bytes.Buffer              // takes the answer
	in     *bufio.Reader             // and has it read
}

// hook is called before each command, and tells whether it has answered it.
func (s *scripts) hook(c *server.Peer, cmd string, args ...string) bool {
	if cmd != "EVAL" && cmd != "EVALSHA" || len(args) < 2 {
		return false
	}
	keys, err := strconv.Atoi(args[1])
	if err != nil || keys < 0 || keys > len(args)-2 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	hash := args[0]
	if cmd == "EVAL" {
		if hash = s.learn(args[0]); hash == "" {
			return false
		}
	}
	script, ok := s.known[hash]
	if !ok {
		return false
	}
	s.mini.Lock() // as a script has Redis for itself
	defer s.mini.Unlock()
	if s.server = s.mini.Server(); s.server == nil { // it has gone down
		return true
	}
	answer, err := s.run(script, args[2:2+keys], args[2+keys:])
	if err != nil {
		c.WriteError(err.Error())
		return true
	}
	write(c, answer)
	return true
}

// learn compiles a script, and returns its hash; "" if it does not compile.
func (s *scripts) learn(source string) string {
	sum := sha1.Sum([]byte(source))
	hash := hex.EncodeToString(sum[:])
	if s.known[hash] != nil {
		return hash
	}
	proto := compiled(source)
	if proto == nil {
		return ""
	}
	if s.lua == nil {
		s.open()
	}
	s.known[hash] = s.lua.NewFunctionFromProto(proto)
	return hash
}

func (s *scripts) open() {
	s.known = make(map[string]*lua.LFunction)
	s.peer = server.NewPeer(bufio.NewWriter(&s.out))
	s.peer.Ctx = within()
	s.in = bufio.NewReader(&s.out)
	s.lua = lua.NewState(lua.Options{SkipOpenLibs: true})
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.StringLibName: lua.OpenString, lua.MathLibName: lua.OpenMath,
	} {
		s.lua.Push(s.lua.NewFunction(open))
		s.lua.Push(lua.LString(name))
		s.lua.Call(1, 0)
	}
	field := func(name string) lua.LGFunction {
		return func(l *lua.LState) int {
			l.Push(table(l, name, lua.LString(l.CheckString(1))))
			return 1
		}
	}
	s.lua.SetGlobal("redis", s.lua.SetFuncs(s.lua.NewTable(), map[string]lua.LGFunction{
		"call":         s.call,
		"error_reply":  field("err"),
		"status_reply": field("ok"),
	}))
}

// compiled has what a source compiles to, which all may share, or nil.
func compiled(source string) *lua.FunctionProto {
	if proto, ok := protos.Load(source); ok {
		return proto.(*lua.FunctionProto)
	}
	chunk, err := parse.Parse(strings.NewReader(source), "script")
	if err != nil {
		return nil
	}
	proto, err := lua.Compile(chunk, "script")
	if err != nil {
		return nil
	}
	protos.Store(source, proto)
	return proto
}

var protos sync.Map

// run returns what a script does.
func (s *scripts) run(script *lua.LFunction, keys, args []string) (lua.LValue, error) {
	l := s.lua
	l.SetGlobal("KEYS", list(l, keys))
	l.SetGlobal("ARGV", list(l, args))
	if err := l.CallByParam(lua.P{Fn: script, NRet: 1, Protect: true}); err != nil {
		return nil, err
	}
	answer := l.Get(-1)
	l.Pop(1)
	return answer, nil
}

// call is redis.call: it has miniredis do a command.
func (s *scripts) call(l *lua.LState) int {
	args := make([]string, l.GetTop())
	for i := range args {
		args[i] = l.CheckString(i + 1)
	}
	s.out.Reset()
	s.in.Reset(&s.out)
	s.server.Dispatch(s.peer, args)
	s.peer.Flush()
	answer, err := server.ParseReply(s.in)
	if err != nil {
		l.RaiseError("%s", err)
	}
	l.Push(value(l, answer))
	return 1
}

// value is an answer of Redis' in Lua.
func value(l *lua.LState, answer any) lua.LValue {
	switch v := answer.(type) {
	case int:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case server.Simple:
		return table(l, "ok", lua.LString(v))
	case []any:
		t := l.CreateTable(len(v), 0)
		for _, e := range v {
			t.Append(value(l, e))
		}
		return t
	}
	return lua.LFalse
}

// write answers with a value of Lua's.
func write(c *server.Peer, v lua.LValue) {
	switch v := v.(type) {
	case lua.LNumber:
		c.WriteInt(int(v))
	case lua.LString:
		c.WriteBulk(string(v))
	case lua.LBool:
		if v {
			c.WriteInt(1)
		} else {
			c.WriteNull()
		}
	case *lua.LTable:
		if err := v.RawGetString("err"); err != lua.LNil {
			c.WriteError(err.String())
			return
		}
		if ok := v.RawGetString("ok"); ok != lua.LNil {
			c.WriteInline(ok.String())
			return
		}
		n := 0
		for v.RawGetInt(n+1) != lua.LNil {
			n++
		}
		c.WriteLen(n)
		for i := range n {
			write(c, v.RawGetInt(i+1))
		}
	default:
		c.WriteNull()
	}
}

func list(l *lua.LState, of []string) *lua.LTable {
	t := l.CreateTable(len(of), 0)
	for _, s := range of {
		t.Append(lua.LString(s))
	}
	return t
}

func table(l *lua.LState, name string, v lua.LValue) *lua.LTable {
	t := l.NewTable()
	t.RawSetString(name, v)
	return t
}

// within returns what miniredis knows of a connection from within a script, which
// only it can make: it does not lock what its script has locked.
var within = sync.OnceValue(func() (ctx any) {
	m := miniredis.NewMiniRedis()
	defer m.Close()
	conn, err := m.Dial()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	m.Server().SetPreHook(func(c *server.Peer, cmd string, _ ...string) bool {
		if cmd == "ECHO" {
			ctx = c.Ctx
		}
		return false
	})
	const eval = "*3\r\n$4\r\nEVAL\r\n$29\r\nreturn redis.call('ECHO', '')\r\n$1\r\n0\r\n"
	if _, err := conn.Write([]byte(eval)); err != nil {
		panic(err)
	}
	if _, err := server.ParseReply(bufio.NewReader(conn)); err != nil {
		panic(err)
	}
	return ctx
})
