#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| herenow_fuzz::jwt(bytes));
