// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// places.rs - the same in Rust: a method of a generic type in a module.
use std::io::{stdin, stdout, Write};

mod inner {
    pub struct Box<T> {
        pub v: Vec<T>,
    }
    impl<T: Copy> Box<T> {
        #[inline(never)]
        pub fn touch_all(&mut self, x: T) {
            let mut i = 0;
            while i < self.v.capacity() {
                unsafe { self.v.as_mut_ptr().add(i).write_volatile(x) }
                i += 4096;
            }
        }
    }
}

fn step(name: &str) {
    println!("step {}", name);
    stdout().flush().unwrap();
    let mut line = String::new();
    stdin().read_line(&mut line).unwrap();
}

fn main() {
    let mut b = inner::Box::<u8> { v: Vec::with_capacity(32 << 20) };
    step("start");
    b.touch_all(1);
    step("touched");
}
