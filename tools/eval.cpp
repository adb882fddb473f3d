// mica eval and mica predict: a trained network at work.
#include <png.h>

#include <algorithm>
#include <iostream>
#include <numeric>

#include "mica/core/implementation.h"
#include "mica/core/ops/softmax.h"
#include "mica/tools/checkpoint.h"
#include "mica/tools/commands.h"
#include "mica/tools/evaluate.h"
#include "mica/tools/run_folder.h"
#include "mica/tools/text.h"

namespace mica::tools {
namespace {

std::filesystem::path checkpoint_of(const std::string& run) {
  const std::filesystem::path path = run;
  if (!std::filesystem::is_directory(path)) return path;
  if (!std::filesystem::exists(path / run_files::checkpoint)) throw IoError(run + " has no " + run_files::checkpoint + ": no epoch of the run was finished");
  return path / run_files::checkpoint;
}

// A PNG file as the network's input: f32 [1, c, h, w]. Colour becomes grey, or grey colour, as the network needs.
Tensor read_image(const std::string& file, const Network& network) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_file(&image, file.c_str())) throw IoError(file + ": " + image.message);
  image.format = network.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  if (image.width != static_cast<unsigned>(network.width) || image.height != static_cast<unsigned>(network.height)) {
    const std::string size = std::to_string(image.width) + " x " + std::to_string(image.height);
    png_image_free(&image);
    throw Error(file + " is " + size + " pixels; the network takes " + std::to_string(network.width) + " x " + std::to_string(network.height));
  }
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(image));
  png_color black{0, 0, 0};
  if (!png_image_finish_read(&image, &black, pixels.data(), 0, nullptr)) throw IoError(file + ": " + image.message);
  std::vector<float> values(pixels.size());
  const auto c = static_cast<std::size_t>(network.channels), plane = values.size() / c;
  for (std::size_t i = 0; i < pixels.size(); ++i)
    values[i % c * plane + i / c] = static_cast<float>((pixels[i] / 255.0 - network.mean[i % c]) / (network.std[i % c] > 0 ? network.std[i % c] : 1));
  return from(values, {1, network.channels, network.height, network.width});
}

}  // namespace

int eval(const EvalOptions& o) {
  if (o.threads > 0) set_threads(o.threads);
  const Device device = device_from(o.device);
  auto [model, network] = load_checkpoint(checkpoint_of(o.run));
  set_tf32(network.precision == "tf32");
  to(model, device);
  ImageSets sets = image_sets(o.data.empty() ? network.data : o.data);
  const ImageDataset& chosen = o.split == "train" ? sets.train : o.split == "validation" ? sets.validation : sets.test;
  if (chosen.channels() != network.channels || chosen.height() != network.height || chosen.width() != network.width || chosen.classes().size() != network.classes.size())
    throw Error("the images of " + (o.data.empty() ? network.data : o.data) + " are not of the size, or have not the classes, that the network was trained on");
  const Evaluation e = evaluate(model, chosen.normalised({network.mean, network.std}), {.device = device, .batch = o.batch});
  std::cout << confusion_text(e.confusion) << "\n" << o.split << " accuracy " << percent(e.accuracy()) << " on " << count_text(chosen.size()) << " images, loss "
            << fixed(e.loss, 4) << std::endl;
  return 0;
}

int predict(const PredictOptions& o) {
  if (o.threads > 0) set_threads(o.threads);
  const Device device = device_from(o.device);
  auto [model, network] = load_checkpoint(checkpoint_of(o.run));
  set_tf32(network.precision == "tf32");
  to(model, device);
  NoGrad no_grad;
  for (const std::string& file : o.images) {
    const Tensor logits = model(read_image(file, network));
    const std::vector<float> p = softmax(logits).to_vector<float>();
    std::vector<std::size_t> order(p.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] > p[b]; });
    order.resize(std::min(order.size(), static_cast<std::size_t>(o.top)));
    std::cout << file << ":";
    for (std::size_t i = 0; i < order.size(); ++i) std::cout << (i ? ", " : " ") << network.classes[order[i]] << " " << percent(p[order[i]]);
    std::cout << std::endl;
  }
  return 0;
}

}  // namespace mica::tools
