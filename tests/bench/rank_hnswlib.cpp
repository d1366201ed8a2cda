// hnswlib as a peer of tests/bench/rank: builds its graph once, then tells what a user costs whenever
// it reads a line.
//
//     rank_hnswlib items.f32 users.f32 dim size recall
//
// One JSON object a line: microseconds of CPU a user, at the least width of search with that recall.
#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>
#include <unordered_set>
#include <vector>

namespace {

const size_t links = 16, width_when_building = 200;

std::vector<float> read_rows(const char *path)
{
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    std::vector<float> rows(static_cast<size_t>(file.tellg()) / sizeof(float));
    file.seekg(0);
    file.read(reinterpret_cast<char *>(rows.data()), static_cast<std::streamsize>(rows.size() * sizeof(float)));
    return rows;
}

double cpu_us()
{
    timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) * 1e6 + static_cast<double>(at.tv_nsec) / 1e3;
}

typedef hnswlib::AlgorithmInterface<float> Search;

std::unordered_set<size_t> found_by(const Search &search, const float *user, size_t size)
{
    std::unordered_set<size_t> out;
    auto found = const_cast<Search &>(search).searchKnn(user, size);
    for (; !found.empty(); found.pop())
        out.insert(found.top().second);
    return out;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 6)
        return 64;
    const std::vector<float> items = read_rows(argv[1]), users = read_rows(argv[2]);
    const size_t dim = std::stoul(argv[3]), size = std::stoul(argv[4]);
    const double wanted = std::stod(argv[5]);
    const size_t count = items.size() / dim, asked = std::min<size_t>(users.size() / dim, 64);
    hnswlib::InnerProductSpace space(dim);
    hnswlib::BruteforceSearch<float> exact(&space, count);
    hnswlib::HierarchicalNSW<float> graph(&space, count, links, width_when_building);
    for (size_t n = 0; n < count; n++) {
        exact.addPoint(&items[n * dim], n);
        graph.addPoint(&items[n * dim], n);
    }
    double recall = 0;
    size_t width = size;
    for (;; width += width / 4) {
        size_t hits = 0;
        graph.setEf(width);
        for (size_t u = 0; u < asked; u++) {
            const auto truth = found_by(exact, &users[u * dim], size);
            for (size_t item : found_by(graph, &users[u * dim], size))
                hits += truth.count(item);
        }
        recall = static_cast<double>(hits) / static_cast<double>(asked * size);
        if (recall >= wanted || width > 16 * size)
            break;
    }
    for (std::string line; std::getline(std::cin, line);) {
        const double began = cpu_us();
        for (size_t u = 0; u < users.size() / dim; u++)
            graph.searchKnn(&users[u * dim], size);
        std::printf("{\"us\": %.2f, \"recall\": %.4f, \"width\": %zu}\n",
                    (cpu_us() - began) / static_cast<double>(users.size() / dim), recall, width);
        std::fflush(stdout);
    }
}
