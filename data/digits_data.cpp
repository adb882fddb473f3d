// Embeds data/digits. The assembler finds the files through an option that cmake/mica_library.cmake sets for this source.
#include "mica/data/digits_internal.h"

asm(R"(
  .macro mica_embed name, file
  .global mica_digits_\name, mica_digits_\name\()_end
  .hidden mica_digits_\name, mica_digits_\name\()_end
  mica_digits_\name: .incbin "\file"
  mica_digits_\name\()_end:
  .endm
  .section .rodata
  mica_embed train_images, train-images-idx3-ubyte.gz
  mica_embed train_labels, train-labels-idx1-ubyte.gz
  mica_embed validation_images, validation-images-idx3-ubyte.gz
  mica_embed validation_labels, validation-labels-idx1-ubyte.gz
  mica_embed test_images, test-images-idx3-ubyte.gz
  mica_embed test_labels, test-labels-idx1-ubyte.gz
  mica_embed source_rows, source-rows-idx1-short.gz
  .text
)");

extern "C" [[gnu::visibility("hidden")]] const std::byte mica_digits_train_images[], mica_digits_train_images_end[],
    mica_digits_train_labels[], mica_digits_train_labels_end[], mica_digits_validation_images[], mica_digits_validation_images_end[],
    mica_digits_validation_labels[], mica_digits_validation_labels_end[], mica_digits_test_images[], mica_digits_test_images_end[],
    mica_digits_test_labels[], mica_digits_test_labels_end[], mica_digits_source_rows[], mica_digits_source_rows_end[];

namespace mica::detail {

DigitsFiles digits_files() {
  return {{{mica_digits_train_images, mica_digits_train_images_end}, {mica_digits_train_labels, mica_digits_train_labels_end}},
          {{mica_digits_validation_images, mica_digits_validation_images_end}, {mica_digits_validation_labels, mica_digits_validation_labels_end}},
          {{mica_digits_test_images, mica_digits_test_images_end}, {mica_digits_test_labels, mica_digits_test_labels_end}},
          {mica_digits_source_rows, mica_digits_source_rows_end}};
}

}  // namespace mica::detail
