//! Compiles `proto/` without protoc: messages, clients and servers, and the descriptors with their options and comments.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_types::{DescriptorProto, FileDescriptorSet};

fn main() -> Result<(), Box<dyn Error>> {
    // Asked when it runs: the program may have been built in another checkout.
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let files = proto_files(&root.join("egide"))?;
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true).open_files(files)?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    // Encoded by protox itself: prost's own descriptor types would drop the classification options.
    fs::write(out.join("egide.binpb"), compiler.encode_file_descriptor_set())?;
    let descriptors = compiler.file_descriptor_set();
    fs::write(out.join("opaque_debug.rs"), opaque_debug(&descriptors)?)?;

    let mut config = prost_build::Config::new();
    config.enable_type_names();
    config.skip_debug(["."]);
    config.btree_map(["."]);
    config.include_file("egide.rs");
    tonic_prost_build::configure()
        .codec_path("crate::strict::StrictCodec")
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}

fn proto_files(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(proto_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// `Debug` that names the type and nothing else, for every message: what a message holds must not reach a log line by a
/// slip of the pen.
fn opaque_debug(descriptors: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let mut code = String::new();
    for file in descriptors.file.iter().filter(|file| file.package().starts_with("egide.")) {
        let module = format!("crate::proto::{}", file.package().replace('.', "::"));
        for message in &file.message_type {
            write_debug(&mut code, &module, message)?;
        }
        for list in &file.enum_type {
            // A value by itself is about nobody; inside a message it is not shown.
            implement(&mut code, &format!("{module}::{}", list.name()), "f.write_str(self.as_str_name())")?;
        }
    }
    Ok(code)
}

fn write_debug(code: &mut String, module: &str, message: &DescriptorProto) -> Result<(), Box<dyn Error>> {
    let name = message.name();
    implement(code, &format!("{module}::{name}"), &opaque(name))?;
    for oneof in &message.oneof_decl {
        let oneof_type = upper_camel(oneof.name());
        implement(code, &format!("{module}::{}::{oneof_type}", snake(name)), &opaque(&oneof_type))?;
    }
    if message.nested_type.is_empty() { Ok(()) } else { Err(format!("nested message in `{name}`: move it out").into()) }
}

fn implement(code: &mut String, path: &str, body: &str) -> Result<(), Box<dyn Error>> {
    writeln!(
        code,
        "impl ::core::fmt::Debug for {path} {{ fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result \
         {{ {body} }} }}"
    )?;
    Ok(())
}

fn opaque(name: &str) -> String {
    format!("f.write_str(\"{name}(..)\")")
}

fn upper_camel(name: &str) -> String {
    name.split('_')
        .map(|word| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect::<String>())
        .collect()
}

fn snake(name: &str) -> String {
    let mut result = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            result.push('_');
        }
        result.extend(letter.to_lowercase());
    }
    result
}
