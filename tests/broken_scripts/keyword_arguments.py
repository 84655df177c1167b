from tigrest import Handler


class Broken(Handler):
    regex = "/keyword_arguments"

    def exec_get(self, **kwargs):
        return {}
