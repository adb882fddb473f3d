#include "mica/tools/program.h"

#include <CLI/CLI.hpp>
#include <new>
#include <ostream>

#include "mica/core/error.h"
#include "mica/tools/run_folder.h"
#include "mica/tools/text.h"

namespace mica::tools {
namespace {

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

// The word among the candidates that was probably meant, or "".
std::string closest(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = std::max<int>(2, static_cast<int>(word.size()) / 3) + 1;
  for (const std::string& candidate : candidates) {
    const int distance = word.size() > 4 && (candidate.starts_with(word) || (candidate.size() > 4 && word.starts_with(candidate))) ? 0 : edit_distance(word, candidate);
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string best = closest(word, candidates);
  return best.empty() ? "" : "; did you mean " + best + "?";
}

constexpr auto whole_number = "N", number = "NUMBER";

template <class T> std::string type_name(const std::string& option) {
  if constexpr (std::is_same_v<T, double>) return number;
  else if constexpr (!std::is_same_v<T, std::string>) return whole_number;
  else return option == "out" || option == "resume" || option == "run" || option == "json" ? "PATH" : option == "filter" ? "TEXT" : option == "input" ? "CxHxW" : "NAME";
}

// CLI11 shows a pair of flags as --x,--no-x{false}; the braces tell nobody anything.
struct HelpFormatter : CLI::Formatter {
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, is_positional);
    if (const auto at = name.find("{false}"); at != name.npos) name.erase(at);
    return name;
  }
};

// A flag for each option of the struct, its default at the end of the help; those named in `positional` are words without a flag, and required.
template <class Options> void add_options(CLI::App& app, Options& options, const std::vector<std::string>& positional, const Commands& commands) {
  Options::each(options, [&]<class T>(const std::string& name, T& member, std::string help) {
    if (!choices(name).empty()) help += ": " + joined(choices(name), ", ");
    if constexpr (std::is_same_v<T, bool>) {
      app.add_flag(member ? "--" + name + ",!--no-" + name : "--" + name, member, help + (member ? " [on]" : ""));
    } else {
      const bool word = std::find(positional.begin(), positional.end(), name) != positional.end();
      if constexpr (std::is_same_v<T, std::string>) help += member.empty() ? "" : " [" + member + "]";
      else if constexpr (std::is_arithmetic_v<T>) help += " [" + shortest(static_cast<double>(member)) + "]";
      CLI::Option* option = app.add_option(word ? name : name == "lr" ? "--lr,--learning-rate" : "--" + name, member, help);
      if (word) option->required();
      if constexpr (std::is_same_v<T, std::vector<std::string>>) option->type_name("FILE");
      else option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)->type_name(type_name<T>(name));
      if (name == "model" && !commands.models.empty()) app.footer("Models: " + joined(commands.models, ", "));
    }
  });
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  return flags;
}

// CLI11's complaint in one sentence of mica's. `command` is what was given of the subcommands, or the program itself.
std::string complaint(const CLI::ParseError& error, const CLI::App& app) {
  const CLI::App* command = app.get_subcommands().empty() ? &app : app.get_subcommands().front();
  const std::string who = command == &app ? "mica" : "mica " + command->get_name();
  const std::vector<std::string> extras = app.remaining(true);
  if (dynamic_cast<const CLI::ConversionError*>(&error) == nullptr && dynamic_cast<const CLI::ArgumentMismatch*>(&error) == nullptr && !extras.empty()) {
    const std::string& word = extras.front();
    if (word.starts_with("-") && word.size() > 1) {
      const std::string flag = word.substr(0, word.find('='));
      const std::string as_long = flag.starts_with("--") ? flag : "-" + flag;  // -epochs is meant as --epochs
      return who + ": unknown flag " + flag + did_you_mean(as_long, flags_of(*command)) + "  (" + who + " --help lists all)";
    }
    if (command != &app) return who + ": " + word + " is one word too many; options start with --  (" + who + " --help lists them)";
    std::vector<std::string> names;
    for (const CLI::App* subcommand : app.get_subcommands({})) names.push_back(subcommand->get_name());
    return "mica: there is no command " + word + did_you_mean(word, names) + "  (commands: " + joined(names, ", ") + ")";
  }
  std::string text = error.what();
  const std::string could_not = "Could not convert: ", between = " = ", required = " is required";
  if (text.starts_with(could_not) && text.find(between) != text.npos) {  // "Could not convert: --epochs = abc"
    const std::string flag = text.substr(could_not.size(), text.find(between) - could_not.size()), value = text.substr(text.find(between) + between.size());
    const CLI::Option* option = command->get_option_no_throw(flag);
    const std::string type = option ? option->get_type_name() : "";
    text = flag + " takes " + (type == whole_number ? "a whole number" : type == number ? "a number" : "another kind of value") + ", not " + value;
  } else if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) && text.find(": ") != text.npos && text.find(" missing") != text.npos) {
    text = text.substr(0, text.find(": ")) + " needs a value";
  } else if (text.ends_with(required)) {
    text = text.substr(0, text.size() - required.size()) + " is missing";
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  return who + ": " + text + "  (" + who + " --help explains it)";
}

}  // namespace

int run_program(const std::vector<std::string>& arguments, const Commands& commands, std::ostream& out, std::ostream& err) {
  CLI::App app("mica: deep learning in C++20 on NVIDIA GPUs, with a CPU path", "mica");
  app.require_subcommand(0, 1);
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_formatter()->column_width(32);
  app.set_help_flag("--help,-h", "this text");
  if (!commands.version.empty()) app.set_version_flag("--version", "mica " + commands.version, "the version");

  TrainOptions train;
  EvalOptions eval;
  PredictOptions predict;
  SummaryOptions summary;
  BenchOptions bench;
  std::vector<std::pair<CLI::App*, std::function<int()>>> actions;
  const auto add = [&](const char* name, const char* help, auto& options, const auto& command, const std::vector<std::string>& positional) {
    if (!command) return;
    CLI::App* subcommand = app.add_subcommand(name, help);
    add_options(*subcommand, options, positional, commands);
    actions.emplace_back(subcommand, [&] { return command(options); });
  };
  add("train", "train a network and report the result", train, commands.train, {});
  add("eval", "test a trained network", eval, commands.eval, {"run"});
  add("predict", "classify images with a trained network", predict, commands.predict, {"run", "images"});
  if (commands.info) actions.emplace_back(app.add_subcommand("info", "devices, libraries, threads, instruction set"), commands.info);
  add("summary", "layers, shapes, parameters and cost of a network", summary, commands.summary, {"model"});
  add("bench", "time the operations on this machine", bench, commands.bench, {});

  const auto parse = [&] {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // CLI11 takes them from the back
    app.parse(std::move(reversed));
  };
  const auto check_model = [&](const std::string& model) {
    if (commands.models.empty() || std::find(commands.models.begin(), commands.models.end(), model) != commands.models.end()) return;
    throw Error("there is no model " + model + did_you_mean(model, commands.models) + "  (models: " + joined(commands.models, ", ") + ")");
  };
  std::string who = "mica";
  try {
    parse();
    if (app.get_subcommands().empty()) {
      err << app.help();
      return 2;
    }
    const std::string command = app.get_subcommands().front()->get_name();
    who += " " + command;
    if (command == "train") {
      if (const std::string folder = train.resume; !folder.empty()) {
        const std::string config = (std::filesystem::path(folder) / run_files::config).string();
        train = train_options(settings_from_json(read_file(config), config), config);
        parse();  // flags on the command line win over the run's own
      }
      train.check();
      check_model(train.model);
    }
    if (command == "eval") eval.check();
    if (command == "predict") predict.check();
    if (command == "summary") summary.check(), check_model(summary.model);
    if (command == "bench") bench.check();
  } catch (const CLI::Success& asked) {  // --help, --version
    const int code = app.exit(asked, out, err);
    return code;
  } catch (const CLI::ParseError& error) {
    err << complaint(error, app) << "\n";
    return 2;
  } catch (const Error& error) {
    err << who << ": " << error.what() << "\n";
    return 2;
  }

  try {
    int code = 1;
    for (const auto& [subcommand, action] : actions)
      if (subcommand->parsed()) code = action();
    out.flush();
    if (!out) throw IoError("the output cannot be written");  // a full disk behind `mica summary > file`
    return code;
  } catch (const std::bad_alloc&) {
    err << who << ": out of memory\n";
  } catch (const std::exception& error) {
    err << who << ": " << error.what() << "\n";
  }
  return 1;
}

}  // namespace mica::tools
