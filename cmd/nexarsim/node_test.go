package main

import "testing"

// FuzzMemberFile: whatever stands in a member's file, it is refused as the user's mistake, or names its three files.
func FuzzMemberFile(f *testing.F) {
	f.Add([]byte(`{"self": "a", "members": [{"ID": "a", "Address": "127.0.0.1:1"}], "certificate": "a.pem", "key": "a.key", "authority": "x.pem"}`))
	f.Add([]byte(`{"self": "a", "listen": "0.0.0.0:1"}`))
	f.Add([]byte(`{"self": 7}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMember("a.json", text)
		if err == nil && (m.Certificate == "" || m.Key == "" || m.Authority == "") {
			t.Errorf("taken without its files: %+v", m)
		}
	})
}
