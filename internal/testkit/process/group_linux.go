package process

import "syscall"

// ownGroup puts a program into a process group of its own, and has the kernel
// end it should the test end without cleaning up, as when it times out.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
