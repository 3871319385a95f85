//! Every generated function is `#[inline]`, so that it is compiled where it is called.
//!
//! A function that is not generic is compiled with its own crate, whether somebody calls it
//! or not: with some sixty operations and all their types, that was four fifths of the
//! functions of this crate. A program that calls five operations now pays for five. The
//! macros of `src/` that declare what is generated (`record!`, `sends_one!`, …) mark theirs
//! themselves.

use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, File, ImplItemFn, Signature, TraitItemFn, parse_quote};

/// Marks every function of the file that has a body and no type parameter.
pub fn inline(file: &mut File) {
    Inline.visit_file_mut(file);
}

struct Inline;

impl VisitMut for Inline {
    fn visit_impl_item_fn_mut(&mut self, function: &mut ImplItemFn) {
        mark(&function.sig, &mut function.attrs);
        visit_mut::visit_impl_item_fn_mut(self, function);
    }

    fn visit_trait_item_fn_mut(&mut self, function: &mut TraitItemFn) {
        if function.default.is_some() {
            mark(&function.sig, &mut function.attrs);
        }
        visit_mut::visit_trait_item_fn_mut(self, function);
    }
}

fn mark(signature: &Signature, attributes: &mut Vec<Attribute>) {
    if signature.generics.type_params().next().is_none() {
        attributes.push(parse_quote!(#[inline]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_without_being_called_is_marked() {
        let mut file: File = parse_quote! {
            impl A {
                fn plain(&self) {}
                fn generic<T>(&self, value: T) {}
            }
            trait B {
                fn declared(&self);
                fn given(&self) {}
            }
        };
        inline(&mut file);
        let expected: File = parse_quote! {
            impl A {
                #[inline]
                fn plain(&self) {}
                fn generic<T>(&self, value: T) {}
            }
            trait B {
                fn declared(&self);
                #[inline]
                fn given(&self) {}
            }
        };
        assert_eq!(
            prettyplease::unparse(&file),
            prettyplease::unparse(&expected)
        );
    }
}
