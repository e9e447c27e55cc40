//! `guest`: the first process of a virtual machine that tests weir. It readies the machine, runs the steps of the
//! plan one after the other, and turns the machine off.
//!
//! With `init` in the plan that program becomes the first process instead, and `guest steps` runs the steps below it.
//!
//! In the first file system: `/modules/NN-NAME.ko` in loading order, `/payload/*` for `/opt/weir`, `/files/*` for
//! the same places of the disk, and `/plan`.
//! The disk `vda` holds the guest's Debian, `vdb` takes a tar of `/var/log/weir-tests` at the end. What steps print
//! goes to the second serial port, which the kernel's command line names, between lines that begin with
//! [`tests::guest::MARK`].

use std::process::ExitCode;

fn main() -> ExitCode {
    tests::guest::main()
}
