use std::path::Path;

use agent_common::kernel_layout::{KernelLayout, Member};

use super::{KERNEL_BTF, Kernel, MemberError, resolve};

/// The running kernel; `None`, said aloud, where it shows no type information.
fn kernel() -> Option<Kernel> {
    let kernel = Kernel::read(Path::new(KERNEL_BTF)).ok();
    if kernel.is_none() {
        println!("skipped: no type information of this kernel in {KERNEL_BTF}");
    }
    kernel
}

fn ask(kernel: &Kernel, container: &'static str, paths: &'static [&'static str]) -> Result<u16, MemberError> {
    resolve(&kernel.types, &Member { field: "", container, paths })
}

#[test]
fn the_running_kernel_has_what_every_kernel_has() {
    let Some(kernel) = kernel() else { return };
    let new: &[&str] = &["io_open_slot", "io_complete_req", "io_kiocb_cmd", "inode_generation"];
    for member in KernelLayout::MEMBERS {
        let known = kernel.layout.get(member.field).is_some();
        assert!(
            known || new.contains(&member.field),
            "{}: {:?}",
            member.field,
            kernel.why_absent(member.field)
        );
    }
}

#[test]
fn offsets_that_every_kernel_shares() {
    let Some(kernel) = kernel() else { return };
    let rows: &[(&str, &[&str], Result<u16, ()>)] = &[
        ("path", &["mnt"], Ok(0)),
        ("path", &["dentry"], Ok(8)),
        ("vfsmount", &["mnt_root"], Ok(0)),
        ("msghdr", &["msg_name"], Ok(0)),
        // Through anonymous unions and structs.
        ("sock", &["__sk_common.skc_daddr"], Ok(0)),
        ("sock", &["__sk_common.skc_dport"], Ok(12)),
        ("qstr", &["len"], Ok(4)),
        // An alias that is not there before one that is.
        ("path", &["no_such_member", "dentry"], Ok(8)),
        ("path", &["mnt.no_such_member"], Err(())),
        ("no_such_struct", &["member"], Err(())),
    ];
    for (container, paths, expected) in rows {
        assert_eq!(ask(&kernel, container, paths).map_err(|_| ()), *expected, "{container} {paths:?}");
    }
}

#[test]
fn a_bit_field_is_refused() {
    let Some(kernel) = kernel() else { return };
    let refused = ask(&kernel, "sock", &["sk_no_check_tx"]);
    assert!(matches!(refused, Err(MemberError::BitField(_))), "{refused:?}");
}

#[test]
fn a_function_is_told_from_a_struct() {
    let Some(kernel) = kernel() else { return };
    assert!(kernel.has_function("security_file_open"));
    assert!(!kernel.has_function("task_struct"));
    assert!(!kernel.has_function("no_such_function"));
}

#[test]
fn no_type_information_is_an_error_that_names_the_file() {
    let error = Kernel::read(Path::new("/nonexistent/btf")).expect_err("there is no such file");
    assert!(error.to_string().contains("/nonexistent/btf"), "{error}");
}
