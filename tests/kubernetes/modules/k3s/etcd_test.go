package main

import (
	"strings"
	"testing"
)

func TestServerWithAnotherAddressIsNotAMember(t *testing.T) {
	member := etcdMember{
		name: "a", peerURL: peerURL("172.18.0.3"),
		initialCluster: "a=https://172.18.0.3:2380,b=https://172.18.0.4:2380",
	}
	if err := member.checkMembership(); err != nil {
		t.Error(err)
	}
	// The address of another member.
	member.peerURL = peerURL("172.18.0.4")
	if err := member.checkMembership(); err == nil || !strings.Contains(err.Error(), "not a member of the etcd cluster") {
		t.Errorf("it starts: %v", err)
	}
}

func TestServerThatIsAloneNeedsNoAddress(t *testing.T) {
	for _, one := range []struct {
		options options
		want    string
	}{
		{options{}, "https://127.0.0.1:2380"},
		{options{clusterInit: true}, "https://172.18.0.3:2380"},
		{options{serverURL: "https://a:6443"}, "https://172.18.0.3:2380"},
	} {
		s := server{node: &node{options: one.options, address: "172.18.0.3"}}
		if got := s.peerURL(); got != one.want {
			t.Errorf("%+v: %s", one.options, got)
		}
	}
}
