from tigrest import Handler


class Broken(Handler):
    regex = "/bad_flag"
    apiKey = "yes"

    def exec_get(self):
        return {}
